"""Samples of the documents that several files of tests use."""

# First document.
GRID = r"""workdir: ./models 
rootdir: ../../   
src: zh           
trg: en
train_tok: ../ted/multitarget-ted/en-zh/tok/ted_train_en-zh.tok.clean
valid_tok: ../ted/multitarget-ted/en-zh/tok/ted_dev_en-zh.tok
bpe_symbols_src:
- 30000
- 10000
bpe_symbols_trg:
- 30000
encoder: transformer
decoder: transformer
num_layers:
- "4:2"
- "6:3"
transformer_model_size: [512, 1024]
transformer_attention_heads: 8
...
"""  # noqa: W291 - the blanks at the ends of lines are in the document

# Third document: its samples, with the elided rest (...) left out and, where they lack
# them, the missing comma, colon and outer braces put in and the surplus brace taken out.
FIRST = """{ model: {
    num_transformer_heads: 4,
} }"""
SECOND = """{ model: {
    transformer_hidden_size: {
            hyper_opt: {
                suggest: "int",
                params: {
                    low: 2,
                    high: 8,
                    step: 2
                }
            }
        }
    },
}"""
THIRD = """{ model: {
    num_transformer_heads: 4,
    transformer_hidden_size: {
        hyper_opt: {
          suggest: "int",
          params: {
            low: 2,
            high: 8,
            step: 2
          },
          dependency: {
            type: "multiply",
            on: "model.num_transformer_heads"
          }
        }
    },
} }"""
FOURTH = """{ module: { model: {
    num_transformer_heads: { hyper_opt: {suggest: 'int', params: {low: 4, high: 5}} },
    transformer_hidden_size: {
        hyper_opt: {
          suggest: "int",
          params: {
            low: 2,
            high: 8,
            step: 2
          },
          dependency: {
            on: "module.model.num_transformer_heads",
            type: "optimize_iff",
            conditions: [{
              type: 'equal',
              compare_value: 5
            }]
          }
        }
    },
} } }"""
