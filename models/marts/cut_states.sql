-- Where each cut is applied: one row per landed file and cut.
with states as (
    select * from {{ ref('stg_plan__cut_states') }}
)

select * from states
