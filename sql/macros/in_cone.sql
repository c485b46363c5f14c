{#- Whether a position lies within a radius in arcsec of another, positions in degrees: separation_arcsec compared with
    the radius, so that both say the same, to a millionth of an arcsec.  The band in declination, wider than the cone by
    more than rounding is (half a millionth of an arcsec is 1.4e-10 deg), lets an engine leave out most rows without
    computing an angle. -#}
{%- macro in_cone(ra, dec, ra0, dec0, arcsec) -%}
{%- set reach = arcsec ~ ' / 3600 * 1.000000001e0 + 2e-10' -%}
({{ dec }} between {{ dec0 }} - ({{ reach }}) and {{ dec0 }} + ({{ reach }})
    and {{ separation_arcsec(ra, dec, ra0, dec0) }} <= {{ arcsec }})
{%- endmacro -%}
