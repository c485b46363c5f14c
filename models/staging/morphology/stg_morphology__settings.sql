with measured as (
    select * from {{ source('derived', 'morphology_settings') }}
),

cast_columns as (
    select
        {{- cast_family('morphology_settings') }}
    from measured
)

select * from cast_columns
