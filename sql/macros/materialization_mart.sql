{#- Write a table as one Parquet file of the build, after checking its contract.
    dbt-duckdb's own `external` writes a row of NULLs for an empty table and copies every row twice.

    order_by  a unique key, by which the file's rows are sorted, so that the number of threads does not matter
    keep      also keep the table in memory, read back from its file, if many models read it -#}
{%- materialization mart, adapter='duckdb' -%}
    {%- set keep = config.get('keep', false) -%}
    {%- set target = this.incorporate(type='table' if keep else 'view') -%}
    {%- set folder = env_var('GALAXIESML_CATALOG') ~ '/builds/' ~ env_var('GALAXIESML_BUILD', '.dbt') -%}
    {%- set path = folder ~ '/' ~ this.identifier ~ '.parquet' -%}
    {#- snappy, because builds are written and read often; exports, which are sent and kept, use zstd. -#}
    {%- set options = "(format parquet, compression snappy, row_group_size 122880" ~ file_facts(model) ~ ")" -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {% call statement('main') -%}
        copy (select * from ({{ sql }}) order by {{ config.require('order_by') }})
        to {{ text_literal(path) }} {{ options }}
    {%- endcall %}
    {% call statement('read') -%}
        create or replace {{ 'table' if keep else 'view' }} {{ target }} as select * from {{ parquet_files(path) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}

{#- Spark and Sail write parts, in any order; their types are checked, and they become the file, when they are adopted. -#}
{%- materialization mart, adapter='spark' -%}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create table {{ target }} using parquet location {{ build_folder('.parts', this.identifier) }} as {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}

{#- Metadata of a version's file: the version, and the cuts that could not be applied. -#}
{%- macro file_facts(model) -%}
{%- if model.version and execute -%}
    {%- set version = model.alias | replace('galaxies_', '', 1) -%}
    {%- set rows = run_query('select missing_cuts from ' ~ source('plan', 'versions') ~ " where version = '" ~ version ~ "'").rows -%}
    {{ return(", kv_metadata {version: '" ~ version ~ "', missing_cuts: '" ~ rows[0][0] ~ "'}") }}
{%- endif -%}
{{ return('') }}
{%- endmacro -%}
