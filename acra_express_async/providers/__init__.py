"""The providers, one file each: send a request, read the answer, and raise an error named after the caller's next move.

`base` is what all calls have in common (retry, breaker, throttle, charge, one send), `wire` is one HTTP request and
whether it was sent. The room knows no jobs, no leases and no database. Facts it rests on: DuckDuckGo answers a block
with status 202 and publishes no limit; Jina Reader answers 200 when the target page is dead, and bills tokens;
ZeroBounce has no idempotency key, so every send may be paid for; Slack's webhook URL is itself the secret. No URL with
a key, no address and no secret may get into an error's text.
"""
