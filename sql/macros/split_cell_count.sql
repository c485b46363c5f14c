{#- Cells of a band: as many as fit around the parallel in its middle, each about 0.25 deg wide. -#}
{%- macro split_cell_count(band) -%}
cast(greatest(1, round(1440 * cos(radians(cast(2 * {{ band }} - 719 as double) / 8)))) as bigint)
{%- endmacro -%}
