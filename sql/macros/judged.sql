{#- One version's judgement of every pair: row cuts first, then each window cut on the survivors of all before it.
    A window cut's verdict is NULL where the pair did not reach it; size_<cut> counts the pairs of its duplicate group. -#}
{%- macro judged(version, without=[]) -%}
{%- set chosen = version_cuts(version, without) -%}
{%- set last = chosen.windows | length -%}
with verdicts as (
    select * from {{ ref('int_verdicts') }}
),

alive_0 as (
    select
        pair_id, object_id, specz_name, specz_redshift, specz_redshift_err, match_distance_arcsec,
        {%- for cut in chosen.rows %}
        ok_{{ cut.name }},
        {%- endfor %}
        {% for cut in chosen.rows %}coalesce(ok_{{ cut.name }}, false){{ ' and ' if not loop.last }}{% else %}true{% endfor %} as alive_0
    from verdicts
),
{% for cut in chosen.windows %}
judged_{{ loop.index }} as (
    select
        *,
        {%- if 'duplicates_by' in cut %}
        case when alive_{{ loop.index0 }} and {{ cut.duplicates_by }} is not null then
            count(*) over (partition by alive_{{ loop.index0 }}, {{ cut.duplicates_by }})
        end as size_{{ cut.name }},
        {%- endif %}
        case when alive_{{ loop.index0 }} then ({{ cut.window | replace('{alive}', 'alive_' ~ loop.index0) }}) end as ok_{{ cut.name }}
    from alive_{{ loop.index0 }}
),

alive_{{ loop.index }} as (
    select *, alive_{{ loop.index0 }} and coalesce(ok_{{ cut.name }}, false) as alive_{{ loop.index }} from judged_{{ loop.index }}
),
{% endfor %}
judged as (
    select
        pair_id,
        alive_{{ last }} as kept,
        {%- for cut in chosen.windows %}
        ok_{{ cut.name }},
        {%- if 'duplicates_by' in cut %}
        size_{{ cut.name }},
        {%- endif %}
        {%- endfor %}
        {#- Kept pairs first: of those there are most, and nothing more is asked of them. #}
        case
            when alive_{{ last }} then cast(null as string)
            {%- for cut in chosen.all %}
            when not coalesce(ok_{{ cut.name }}, false) then '{{ cut.name }}'
            {%- endfor %}
        end as first_cut,
        case
            when alive_{{ last }} then cast(null as string)
            {%- for cut in chosen.all %}
            when ok_{{ cut.name }} is null then 'null' when not ok_{{ cut.name }} then 'fail'
            {%- endfor %}
        end as first_verdict,
        case when not alive_{{ last }} then concat_ws(', '
            {%- for cut in chosen.rows %},
            case when not coalesce(ok_{{ cut.name }}, false) then '{{ cut.name }}' end
            {%- endfor %}
            {%- for cut in chosen.windows %},
            case when not coalesce(ok_{{ cut.name }}, true) then '{{ cut.name }}' end
            {%- endfor %}) end as failed_cuts,
        cast(case when not alive_{{ last }} then 0
            {%- for cut in chosen.rows %}
            + case when coalesce(ok_{{ cut.name }}, false) then 0 else 1 end
            {%- endfor %}
            {%- for cut in chosen.windows %}
            + case when coalesce(ok_{{ cut.name }}, true) then 0 else 1 end
            {%- endfor %} else 0 end as bigint) as n_failed
    from alive_{{ last }}
)

select * from judged
{%- endmacro -%}
