{#- One number for a cell: 1440 times its band, which has at most so many cells, and its place, wrapped at RA 0. -#}
{%- macro split_cell(band, column, cells) -%}
{{ band }} * 1440 + mod(mod({{ column }}, {{ cells }}) + {{ cells }}, {{ cells }})
{%- endmacro -%}
