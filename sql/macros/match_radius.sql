{#- Radius within which a spectrum belongs to an object, arcsec; the HSC team uses the same. -#}
{%- macro match_radius() -%}0.5e0{%- endmacro -%}
