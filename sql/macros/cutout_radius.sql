{#- Radius of the circle that contains a cutout, deg: half the diagonal of 127 pixels of 0.168 arcsec, rounded up
    to 15.1 arcsec. -#}
{%- macro cutout_radius(arcsec=15.1) -%}
cast({{ '%.15f' | format(arcsec / 3600) }} as double)
{%- endmacro -%}
