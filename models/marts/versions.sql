-- The versions of galaxies: which ones this build has, which is the default, and which cuts are incomplete.
{% set numbers = built_versions() -%}
with plan as (
    select * from {{ ref('stg_plan__versions') }}
),

kept as (
    {%- for number in numbers %}
    select {{ number }} as number, count(*) as rows_kept from {{ ref('int_judged_v' ~ number) }} where kept
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    concat('v', cast(plan.number as string)) as version,
    plan.title,
    plan.built,
    plan.is_default,
    plan.missing_cuts,
    kept.rows_kept
from plan
left join kept on plan.number = kept.number
