"""What every loss shares; no framework is named here."""
