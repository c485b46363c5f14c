{#- Apply one version to every pair: row cuts first, then each window cut to the survivors of all cuts before it.
    A window cut's verdict is NULL if the pair did not reach it; size_<cut> is the size of its duplicate group. -#}
{%- macro judged(version, without=[]) -%}
{%- set chosen = version_cuts(version, without) -%}
{%- set last = chosen.windows | length -%}
with verdicts as (
    select * from {{ ref('int_verdicts') }}
),

alive_0 as (
    select
        pair_id, {{ window_columns() | join(', ') }},
        {%- for cut in chosen.rows %}
        ok_{{ cut.name }},
        {%- endfor %}
        {% for cut in chosen.rows %}coalesce(ok_{{ cut.name }}, false){{ ' and ' if not loop.last }}{% else %}true{% endfor %} as alive_0
    from verdicts
),
{% for cut in chosen.windows %}
{{ window_step(cut, loop.index0) }},
{% endfor %}
failed as (
    -- Failed cuts are only listed for removed pairs, because most pairs are kept.
    select
        *,
        case when not alive_{{ last }} then concat_ws(', '
            {%- for cut in chosen.rows %},
            case when not coalesce(ok_{{ cut.name }}, false) then '{{ cut.name }}' end
            {%- endfor %}
            {%- for cut in chosen.windows %},
            case when alive_{{ loop.index0 }} and not coalesce(ok_{{ cut.name }}, false) then '{{ cut.name }}' end
            {%- endfor %}) end as failed_cuts
    from alive_{{ last }}
),

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
        split_part(failed_cuts, ', ', 1) as first_cut,
        case
            when alive_{{ last }} then cast(null as string)
            {%- for cut in chosen.all %}
            when ok_{{ cut.name }} is null then 'null' when not ok_{{ cut.name }} then 'fail'
            {%- endfor %}
        end as first_verdict,
        failed_cuts,
        cast(case
            when alive_{{ last }} then cast(0 as bigint)
            else length(failed_cuts) - length(replace(failed_cuts, ',', '')) + 1
        end as bigint) as n_failed
    from failed
)

select * from judged
{%- endmacro -%}
