"""How a host is asked and how it answers: the three readings."""
