{#- One number for a cube of the sky, from its three numbers, each between -20627 and 20627. -#}
{%- macro cube_key(x, y, z) -%}
(({{ x }}) + 32768) * 4294967296 + (({{ y }}) + 32768) * 65536 + ({{ z }}) + 32768
{%- endmacro -%}
