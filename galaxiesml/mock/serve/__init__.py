"""The simulated sky as an archive on this machine: catalogue queries, pictures, VizieR, a published release.

Written from what public clients say of the services, not from this project's own clients: a second reading of the
same facts, so that the two can disagree.
"""

from galaxiesml.mock.serve.server import Server

__all__ = ["Server"]
