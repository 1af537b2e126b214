"""A small web around a registry: who has a site, what stands on it, who else writes about them, and the truth."""

from acra_express_async.sandbox.world.firms import Firm
from acra_express_async.sandbox.world.mailboxes import Mailbox
from acra_express_async.sandbox.world.truth import TrueMail, Truth
from acra_express_async.sandbox.world.web import WebPage
from acra_express_async.sandbox.world.world import World

__all__ = ["Firm", "Mailbox", "TrueMail", "Truth", "WebPage", "World"]
