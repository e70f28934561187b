"""The bulkhead: the layer, and the fair queue for its places."""

from ranvier.layers.bulkhead.layer import Bulkhead
from ranvier.layers.bulkhead.places import PlacesByKey, PlacesSnapshot

__all__ = ["Bulkhead", "PlacesByKey", "PlacesSnapshot"]
