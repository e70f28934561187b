"""A seeded world in virtual time, in which everything goes wrong and every promise has to hold."""
