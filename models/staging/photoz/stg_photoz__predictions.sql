with predicted as (
    select * from {{ source('derived', 'predictions_parts') }}
),

cast_columns as (
    select
        {{- cast_family('predictions_keys') }},
        {{- cast_family('predictions') }}
    from predicted
)

select * from cast_columns
