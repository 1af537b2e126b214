"""A small web around a registry: company sites, third parties that mention the companies, and the true answers.

Everything is drawn from a seed, so the same seed gives the same registry, pages and answers. The page sizes and the
oddities of the sites follow those of real sites, because the decisions under test depend on them.
"""

from acra_express_async.sandbox.world.firms import Firm
from acra_express_async.sandbox.world.mailboxes import Mailbox
from acra_express_async.sandbox.world.page_sizes import PAGE_SIZE_OF, PageSize
from acra_express_async.sandbox.world.truth import TrueMail, Truth
from acra_express_async.sandbox.world.web import WebPage
from acra_express_async.sandbox.world.world import World

__all__ = ["PAGE_SIZE_OF", "Firm", "Mailbox", "PageSize", "TrueMail", "Truth", "WebPage", "World"]
