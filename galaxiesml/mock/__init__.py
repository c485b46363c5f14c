"""A simulated archive: tables with a release's column names, with known faults and the truth about them."""

#: The mock's own version: any change of what a seed gives is a new one.
MOCK_VERSION = 1
