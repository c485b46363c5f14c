{#- Band of declination, 0.25 deg high, counted from 0 at the south pole.  Multiplying by 4 is exact; adding 90
    is not, and could move a position just below a border onto it. -#}
{%- macro split_cell_band(dec) -%}
least(719, greatest(0, cast(floor({{ dec }} * 4) as bigint) + 360))
{%- endmacro -%}
