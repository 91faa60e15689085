"""Specs as the unit tests generate them, with the configs that they become, as JSON; for LXC to say what it reads.

Usage: generate.py NUMBER SEED > FILE, with the Python that has hypothesis.
"""

import json
import os
import sys

from hypothesis import Phase, given, seed, settings

NUMBER, SEED = (int(word) for word in sys.argv[1:3])
above = os.path.realpath(__file__)
while os.path.basename(above) != "ansible_collections":
    above = os.path.dirname(above)
sys.path.insert(0, os.path.dirname(above))
sys.path.insert(0, os.path.join(above, "softwarecontainer", "lxc", "tests", "unit", "plugins", "module_utils"))

import test_properties as properties  # noqa: E402

found = {}


@seed(SEED)
@settings(max_examples=NUMBER, phases=[Phase.generate], derandomize=False)
@given(properties.SPEC)
def collect(given_spec):
    # What these keys take is LXC's to say, which it does before such a config counts.
    container = properties.accepted({key: value for key, value in given_spec.items() if key != "lxc"})
    text = properties.rendered(container) if container else None
    if text is not None:
        lines = properties.config_text.lines_of(text)
        found[text] = {
            "lxc.uts.name": container.hostname,
            "lxc.tty.max": str(container.tty),
            "lxc.environment": ["%s=%s" % pair for pair in container.environment],
            "lxc.mount.entry": [value for key, value in lines if key == "lxc.mount.entry"],
        }


collect()
json.dump([[text, values] for text, values in found.items()], sys.stdout)
