# SPDX-License-Identifier: Apache-2.0
"""What the parts of the soak share: words, limits, and what a client knows of a container."""
FOREVER = "echo started; exec sleep 1000000"
PATIENCE = 60  # seconds until an answer is missed
PLUGIN = "soak"  # name of the volume plugin


class Cut(Exception):
    """The connection broke: what was asked for is done or not."""


class Wrong(Exception):
    """What must not be."""


class Box:
    """A container of a client: what is known of it. None: one or the other."""

    def __init__(self, name, **config):
        self.name, self.config = name, config
        self.id, self.exists, self.running, self.paused = None, False, False, False
        self.starts, self.maybe_starts = 0, 0
        self.files = {None}  # what /file may have in it
        self.port, self.said = None, name  # a published one, and what is answered there
        self.healthy = False  # whether it has a health check
