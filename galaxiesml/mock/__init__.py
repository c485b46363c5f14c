"""A simulated archive: tables in a release's own names, with known faults and the truth beside them."""

#: The mock's own version: any change of what a seed gives is a new one.
MOCK_VERSION = 1
