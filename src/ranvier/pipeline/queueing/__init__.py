"""The fair queue: which of the calls that wait goes next, whatever they wait for."""
