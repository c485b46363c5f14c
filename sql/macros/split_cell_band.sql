{#- Band of declination, 0.25 deg high, counted from 0 at the south pole.  A product with 4 is exact, a sum with 90
    would not be: it would lift what lies a bit below a border onto it. -#}
{%- macro split_cell_band(dec) -%}
least(719, greatest(0, cast(floor({{ dec }} * 4) as bigint) + 360))
{%- endmacro -%}
