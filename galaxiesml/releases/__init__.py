"""Release profiles of the HSC archive, one TOML file each, and what reads them."""
