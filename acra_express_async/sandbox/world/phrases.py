"""Sentences for pages, in plain small-business prose about the company's trade."""

from __future__ import annotations

from random import Random

from acra_express_async.sandbox.trades import Trade

OPENINGS = (
    "{brand} looks after {thing} for homes and businesses in Singapore.",
    "Welcome to {brand}. We have been a name for {thing} since {year}.",
    "{brand} is a Singapore company that takes {thing} seriously.",
    "Looking for {thing} you can rely on? Talk to the team at {brand}.",
    "From our place at {street}, {brand} serves customers across the island.",
)
SENTENCES = (
    "Our team answers every enquiry within one working day and keeps you informed until the job is done.",
    "We started in {year} with two people and one van, and most of our first customers are still with us.",
    "{offer} is what we are asked for most, and we have made it our speciality.",
    "Whether you need {thing} once or all year round, we put a plan on paper before any money changes hands.",
    "Prices are quoted in Singapore dollars and hold for thirty days.",
    "For larger orders we visit you, take measurements and send a written quotation.",
    "Clients range from neighbourhood shops to listed groups, and we treat both the same way.",
    "All work is supervised by someone who has done it for at least ten years.",
    "We close on public holidays, with an emergency line for contract customers.",
    "{offer} can be combined with {other}; ask for our package rates.",
    "Quality starts with the people: we train every new colleague for three months.",
    "Delivery within Singapore is free above two hundred dollars.",
    "We keep records of each project so that a question after years still gets an answer.",
    "Our suppliers are checked once a year, and we change them when they disappoint.",
    "Safety comes first on every site, and our record shows it.",
    "New this season: {other}, introduced after many requests.",
    "You will always speak to the same person, from the first call to the last invoice.",
    "What sets us apart is simple: we turn up on time.",
    "We are happy to share references from customers in your line of business.",
    "Payment by PayNow, bank transfer or cheque.",
)
QUOTES = (
    "“Quick, tidy and honest about the price.” A customer in Tampines",
    "“The third year with them and no reason to change.” Facilities manager, Jurong",
    "“They found a solution where others only found problems.” Café owner, Joo Chiat",
    "“Friendly people. We recommend them to our tenants.” Estate office, Novena",
)
CHINESE = (
    "{brand}成立于{year}年，是一家新加坡公司。",
    "我们为本地客户提供专业、可靠的服务，欢迎来电咨询。",
    "多年来，我们坚持以客为尊，品质为先。",
    "公司团队经验丰富，可根据客户的需要提供方案和报价。",
    "如有任何疑问，请与我们联系，我们会在一个工作日内回复。",
    "我们的客户包括零售商、餐馆、办公室以及工厂。",
)


def opening(trade: Trade, brand: str, street: str, dice: Random) -> str:
    """The first sentence of a home page."""
    return dice.choice(OPENINGS).format(brand=brand, thing=trade.thing, street=street or "town", year=_year(dice))


def paragraph(trade: Trade, dice: Random) -> str:
    """Two to five sentences about the business."""
    offer, other = dice.sample(trade.offers, 2)
    facts = {"thing": trade.thing, "offer": offer, "other": other.lower(), "year": _year(dice)}
    return " ".join(sentence.format(**facts) for sentence in dice.sample(SENTENCES, dice.randint(2, 5)))


def chinese_paragraph(brand: str, dice: Random) -> str:
    """A paragraph in Chinese."""
    return "".join(line.format(brand=brand, year=_year(dice)) for line in dice.sample(CHINESE, dice.randint(2, 4)))


def _year(dice: Random) -> int:
    return dice.randint(1988, 2021)
