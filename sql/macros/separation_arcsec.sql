{#- Angle between two positions in degrees, in arcsec: the haversine formula, exact at small angles, at the
    poles and at RA 0 (Sinnott 1984, Sky & Telescope 68, 159).  NULL where a coordinate is: least() leaves NULL out, and
    would make 180 degrees of it. -#}
{%- macro separation_arcsec(ra1, dec1, ra2, dec2) -%}
case when {{ ra1 }} + {{ dec1 }} + {{ ra2 }} + {{ dec2 }} is not null then
        3600 * degrees(2 * asin(least(1, sqrt(
            power(sin(radians({{ dec2 }} - {{ dec1 }}) / 2), 2)
            + cos(radians({{ dec1 }})) * cos(radians({{ dec2 }})) * power(sin(radians({{ ra2 }} - {{ ra1 }}) / 2), 2)))))
        end
{%- endmacro -%}
