{#- How far east and west the cutout's circle reaches within a band, deg of RA; 180 if it contains the pole.
    It is widest where a meridian touches it, at sin(widest) = sin(dec) / cos(r), and reaches asin(sin(r) / cos(dec))
    there.  If that declination is outside the band, it reaches farthest on the band's nearer border, given by the
    haversine formula solved for the difference in RA. -#}
{%- macro split_cell_reach(dec, band) -%}
{%- set radius = cutout_radius() -%}
{%- set widest = 'degrees(asin(least(1, greatest(-1, sin(radians(' ~ dec ~ ')) / cos(radians(' ~ radius ~ '))))))' -%}
{%- set lower = 'cast(' ~ band ~ ' - 360 as double) / 4' -%}
{%- set upper = 'cast(' ~ band ~ ' - 359 as double) / 4' -%}
{%- set border = 'case when ' ~ widest ~ ' < ' ~ lower ~ ' then ' ~ lower ~ ' else ' ~ upper ~ ' end' -%}
case
            when abs({{ dec }}) + {{ radius }} >= 90 then cast(180 as double)
            when {{ widest }} between {{ lower }} and {{ upper }}
                then degrees(asin(least(1, sin(radians({{ radius }})) / cos(radians({{ dec }})))))
            else degrees(2 * asin(sqrt(least(1, greatest(0,
                (power(sin(radians({{ radius }}) / 2), 2) - power(sin(radians({{ border }} - {{ dec }}) / 2), 2))
                / (cos(radians({{ dec }})) * cos(radians({{ border }}))))))))
        end
{%- endmacro -%}
