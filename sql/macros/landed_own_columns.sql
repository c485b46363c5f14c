{#- The same columns of the landed files of one kind: objects, specz or joined; NULL where no such file has them. -#}
{%- macro landed_own_columns(side, kind) -%}
select
    landing, source_row
    {%- for column in own_columns(side) %},
    cast({{ column.name if kind in column.kinds else 'null' }} as {{ column.type }}) as {{ column.name }}
    {%- endfor %}
from {{ source('raw', 'hsc_' ~ kind) }}
{%- endmacro -%}
