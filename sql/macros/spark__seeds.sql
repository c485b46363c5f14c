{#- A seed in one statement, with its values as literals: dbt-spark binds them unescaped, and NULL as the text None. -#}
{%- macro spark__create_csv_table(model, agate_table) -%}
{{ return('') }}
{%- endmacro -%}

{%- macro spark__load_csv_rows(model, agate_table) -%}
{%- set types = model['config'].get('column_types', {}) -%}
{%- set names = agate_table.column_names -%}
{%- set sql -%}
create table {{ this.render() }} using parquet location {{ build_folder('.steps', this.identifier) }} as
select
    {%- for name in names %}
    cast({{ name }} as {{ types.get(name, 'varchar') | replace('varchar', 'string') }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from (values
    {%- for row in agate_table.rows %}
    ({% for value in row -%}
        {%- if value is none -%}cast(null as string)
        {%- else -%}{{ text_literal(value) }}
        {%- endif -%}{{ ', ' if not loop.last }}
    {%- endfor %}){{ ',' if not loop.last }}
    {%- endfor %}
) as seed({{ names | join(', ') }})
{%- endset -%}
{%- do adapter.add_query(sql, abridge_sql_log=True) -%}
{{ return(sql) }}
{%- endmacro -%}
