"""Descriptions of surveys that tests plant."""

HEAD = """
title = "A planted survey"
label = "Planted"
reference = "Nobody et al."
url = "https://example.org"
licence = "none"
year = 2020
instrument = "spectroscopic"
tested_on = "published description"
"""
PLANTED = (
    HEAD
    + """
[recognise]
columns = ["NAME", "RA", "DEC", "ZBEST", "Q"]
[columns]
id = "NAME"
ra = "RA"
dec = "DEC"
redshift = "ZBEST"
flag = "Q"
error = "EZ"
class = "CLASS"
magnitude = "IMAG"
magnitude_band = "i"
[redshift]
sentinels = [9.9999, -9.0]
[error]
kind = "measured"
sentinels = [-1.0]
[[flags]]
values = ["3", "4", "4.5", "1?"]
secure = true
meaning = "sure"
[[flags]]
values = ["0", "1", "2", ""]
secure = false
meaning = "not sure"
[[flags]]
values = ["-*"]
secure = false
redshift = false
reason = "photometric redshift"
meaning = "from its colours"
[[classes]]
values = ["STAR"]
class = "star"
"""
)
ANGLES = (
    HEAD
    + """
[recognise]
columns = ["NUM", "RAh", "DEd", "cz"]
[columns]
id = "NUM"
ra = { parts = ["RAh", "RAm", "RAs"] }
dec = { parts = ["DEd", "DEm", "DEs"], sign = "DE-" }
velocity = "cz"
[position]
frame = "b1950"
[[flags]]
values = [""]
secure = true
meaning = "all are"
"""
)
