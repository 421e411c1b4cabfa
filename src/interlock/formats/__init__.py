"""Pure knowledge of the formats: no network, process, clock, randomness or environment."""
