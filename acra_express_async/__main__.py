"""`python -m acra_express_async` is `acra-express`."""

from acra_express_async.cli import main

main(prog_name="acra-express")
