-- The versions of galaxies: which ones this build has, which is the default, and which cuts are incomplete.
{% set names = built_versions() -%}
with plan as (
    select * from {{ ref('stg_plan__versions') }}
),

kept as (
    {%- for name in names %}
    select '{{ name }}' as version, count(*) as rows_kept from {{ ref('int_judged_' ~ name) }} where kept
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    plan.version,
    plan.title,
    plan.built,
    plan.is_default,
    plan.missing_cuts,
    kept.rows_kept
from plan
left join kept on plan.version = kept.version
