{#- The gnomonic projection of a position about (crval1, crval2), in degrees: Calabretta & Greisen 2002
    (A&A 395, 1077), equations 12, 13 and 54.  axis: 'xi' to the east, 'eta' to the north. -#}
{%- macro gnomonic(axis, ra, dec) -%}
{%- set depth -%}
(sin(radians(crval2)) * sin(radians({{ dec }}))
            + cos(radians(crval2)) * cos(radians({{ dec }})) * cos(radians({{ ra }} - crval1)))
{%- endset -%}
{%- if axis == 'xi' -%}
degrees(cos(radians({{ dec }})) * sin(radians({{ ra }} - crval1)) / {{ depth }})
{%- else -%}
degrees((cos(radians(crval2)) * sin(radians({{ dec }}))
            - sin(radians(crval2)) * cos(radians({{ dec }})) * cos(radians({{ ra }} - crval1))) / {{ depth }})
{%- endif -%}
{%- endmacro -%}
