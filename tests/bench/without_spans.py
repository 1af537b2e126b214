"""`acra-express` without the calls of `traces`: what the service would cost if it had no traces at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from acra_express_async import traces

_NOTHING: AbstractContextManager[None] = nullcontext()


def _span(_name: str, **_facts: traces.Fact) -> AbstractContextManager[None]:
    return _NOTHING


def _note(**_facts: traces.Fact) -> None:
    """Replaces `traces.note`."""


@contextmanager
def _batch(_self: traces.Traces, **_facts: traces.Fact) -> Iterator[None]:
    yield


if __name__ == "__main__":
    # before anything imports them by name
    traces.span, traces.note = _span, _note  # type: ignore[assignment]
    traces.Traces.batch = _batch  # type: ignore[method-assign]
    from acra_express_async.__main__ import main

    main()
