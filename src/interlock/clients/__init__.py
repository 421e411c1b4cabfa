"""Effects without decisions: one package for each protocol that the platform speaks."""
