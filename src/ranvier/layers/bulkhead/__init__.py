"""The bulkhead and the adaptive limit: the layers, and their places."""

from ranvier.layers.bulkhead.adaptive import AdaptiveLimit
from ranvier.layers.bulkhead.layer import Bulkhead
from ranvier.layers.bulkhead.places import PlacesByKey, PlacesSnapshot

__all__ = ["AdaptiveLimit", "Bulkhead", "PlacesByKey", "PlacesSnapshot"]
