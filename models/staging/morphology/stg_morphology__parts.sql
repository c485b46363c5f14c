with measured as (
    select * from {{ source('derived', 'morphology_parts') }}
),

cast_columns as (
    select
        {{- cast_family('morphology_keys') }},
        {{- cast_family('morphology') }}
    from measured
)

select * from cast_columns
