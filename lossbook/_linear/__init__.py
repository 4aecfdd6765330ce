"""The chunked linear cross-entropy, one file a framework: ``total`` and ``losses``."""
