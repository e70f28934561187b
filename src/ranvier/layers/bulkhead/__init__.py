"""The bulkhead: the layer, and its places."""

from ranvier.layers.bulkhead.layer import Bulkhead
from ranvier.layers.bulkhead.places import PlacesByKey, PlacesSnapshot

__all__ = ["Bulkhead", "PlacesByKey", "PlacesSnapshot"]
