"""The express path of the ACRA lead platform; see README.md for what it does and design notes for each room."""

__version__ = "0.1.0"
