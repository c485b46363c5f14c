-- The versions of galaxies: which this build holds, which is the default, what each could not judge.
{% set numbers = built_versions() -%}
with plan as (
    select * from {{ source('raw', 'versions') }}
),

kept as (
    {%- for number in numbers %}
    select {{ number }} as number, count(*) as rows_kept from {{ ref('int_judged_v' ~ number) }} where kept
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    concat('v', cast(plan.number as string)) as version,
    cast(plan.title as string) as title,
    plan.built,
    plan.is_default,
    cast(plan.missing_cuts as string) as missing_cuts,
    kept.rows_kept
from plan
left join kept on plan.number = kept.number
