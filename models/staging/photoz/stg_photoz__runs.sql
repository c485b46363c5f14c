with runs as (
    select * from {{ source('derived', 'predictions_settings') }}
),

cast_columns as (
    select
        {{- cast_family('predictions_settings') }}
    from runs
)

select * from cast_columns
