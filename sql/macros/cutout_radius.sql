{#- Radius of the circle that contains a cutout, deg: half the diagonal of 127 pixels, rounded up to 0.1 arcsec; of
    HSC's 0.168 arcsec it is 15.1 arcsec. -#}
{%- macro cutout_radius() -%}
cast({{ '%.15f' | format(var('cutout_radius_arcsec') / 3600) }} as double)
{%- endmacro -%}
