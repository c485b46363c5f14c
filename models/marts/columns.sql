-- The dictionary as a table: unit, UCD and description of every published column.
with dictionary as (
    select * from {{ ref('column_dictionary') }}
)

select table_name, name, data_type, unit, ucd, description from dictionary
