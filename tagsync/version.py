"""The version of tagsync."""

__version__ = "0.1.0"
