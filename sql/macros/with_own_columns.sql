{#- Pairs, with the landed columns that users' cuts read joined to them by file and row. -#}
{%- macro with_own_columns(pairs) -%}
{%- set sides = ['object', 'spectrum'] -%}
select
    pairs.*
    {%- for side in sides %}{% for column in own_columns(side) %},
    of_{{ side }}.{{ column.name }}
    {%- endfor %}{% endfor %}
from {{ pairs }} as pairs
{%- for side in sides if own_columns(side) %}
{%- set prefix = '' if side == 'object' else 'specz_' %}
left join (
    {%- for kind in ['objects' if side == 'object' else 'specz', 'joined'] %}
    {{ landed_own_columns(side, kind) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
) as of_{{ side }}
    on pairs.{{ prefix }}landing = of_{{ side }}.landing and pairs.{{ prefix }}source_row = of_{{ side }}.source_row
{%- endfor %}
{%- endmacro -%}
