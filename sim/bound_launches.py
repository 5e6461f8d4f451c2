"""Launches kept with their arguments bound, so that a step outside a graph costs Python little.

Binding a launch of a solver's kernel takes apart a hundred arrays and numbers, some 100 microseconds; running it again
takes one. A step alternates between few states, so the launches of the last ones are kept, by the identity of every array
and the value of every number that goes into them: whoever replaces an array of the model gets new launches.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import engine as en
from engine.taping import active_tape

_MOST = 8


class BoundLaunches:
    """The launches of one place in a solver."""

    def __init__(self):
        self._known: OrderedDict[tuple, tuple[Sequence[Any], list]] = OrderedDict()

    def run(self, objects: Sequence[Any], numbers: tuple, make: Callable[[], list[tuple]]) -> None:
        """Runs launches.

        Args:
            objects: All arrays that the launches use (None for absent ones), and what else decides them by identity.
            numbers: All numbers.
            make: Gives (kernel, dim, inputs, outputs) of each launch; asked when the others are not known yet.
        """
        if active_tape() is not None:
            for kernel, dim, inputs, outputs in make():
                en.launch(kernel, dim=dim, inputs=inputs, outputs=outputs)
            return
        key = (en.config.mode, *numbers, *map(id, objects))
        found = self._known.get(key)
        if found is None:
            bound = [
                en.launch(kernel, dim=dim, inputs=inputs, outputs=outputs, record_cmd=True)
                for kernel, dim, inputs, outputs in make()
            ]
            found = self._known[key] = (objects, bound)  # the objects are held, so no other gets the identity of one
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        for launch in found[1]:
            launch.launch()
