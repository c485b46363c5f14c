{#- Apply one window cut to the pairs that are alive before it, alive_<step>: its verdict, the size of its duplicate
    group, and the pairs that are alive after it. -#}
{%- macro window_step(cut, step) -%}
judged_{{ step + 1 }} as (
    select
        *,
        {%- if 'duplicates_by' in cut %}
        case when alive_{{ step }} and {{ cut.duplicates_by }} is not null then
            count(*) over (partition by alive_{{ step }}, {{ cut.duplicates_by }})
        end as size_{{ cut.name }},
        {%- endif %}
        case when alive_{{ step }} then ({{ cut.window | replace('{alive}', 'alive_' ~ step) }}) end as ok_{{ cut.name }}
    from alive_{{ step }}
),

alive_{{ step + 1 }} as (
    select *, alive_{{ step }} and coalesce(ok_{{ cut.name }}, false) as alive_{{ step + 1 }} from judged_{{ step + 1 }}
)
{%- endmacro -%}
