{#- Radius within which a spectrum is of an object, arcsec: the HSC team's. -#}
{%- macro match_radius() -%}0.5{%- endmacro -%}
