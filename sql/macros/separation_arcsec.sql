{#- Angle between two positions in degrees, in whole millionths of an arcsec: the haversine formula, exact at small
    angles, at the poles and at RA 0 (Sinnott 1984, Sky & Telescope 68, 159).  Rounded, because engines' sines differ in
    the last bit, which must not choose a row.  NULL where a coordinate is NULL, NaN or infinite: the bound is false for
    NaN, which is above every number in SQL, and least() would leave NULL out and make 180 degrees of it. -#}
{%- macro separation_arcsec(ra1, dec1, ra2, dec2) -%}
case when abs({{ ra1 }}) + abs({{ dec1 }}) + abs({{ ra2 }}) + abs({{ dec2 }}) < 1e300 then
        cast(round(1e6 * 3600 * degrees(2 * asin(least(1, sqrt(greatest(0,
            power(sin(radians({{ dec2 }} - {{ dec1 }}) / 2), 2)
            + cos(radians({{ dec1 }})) * cos(radians({{ dec2 }})) * power(sin(radians({{ ra2 }} - {{ ra1 }}) / 2), 2)
        )))))) as bigint) / cast(1000000 as double)
        end
{%- endmacro -%}
